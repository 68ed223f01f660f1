#requires -Version 3.0
<#
.SYNOPSIS
Brings a certificate of an Edge pool onto this server and assigns it; written for one server.

.DESCRIPTION
poolkey's delivery station wrote this file and the PFX beside it. Copy both to the server, not the
passphrase, and run it there as administrator:

    powershell -ExecutionPolicy Bypass -File .\install.ps1               # asks for the passphrase
    powershell -ExecutionPolicy Bypass -File .\install.ps1 -Step CleanUp # after the old one expired

Each step looks first and stops with a sentence before it changes anything. -DryRun only looks.
It may be run again. Take the receipt that it writes back to the station, and delete the PFX.
#>
[CmdletBinding()]
param(
    [ValidateSet('Install', 'Check', 'CleanUp')]
    [string] $Step = 'Install',

    # A file whose first line is the passphrase, instead of the prompt.
    [string] $PassphraseFile = '',

    [switch] $DryRun
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# What this delivery is about. Dates are numbers in UTC: no region setting can misread them.
$Pool = 'edge'
$Member = 'edge3'
$Key = 'av@2'
$Delivery = '8899aabbccddeeff'
$PfxName = 'av@2.8899aabbccddeeff.pfx'
$PfxSha256 = 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
$Thumbprint = 'B142918E463981A76503828BB1278391B7162809'
$Provider = 'Microsoft RSA SChannel Cryptographic Provider'
$Types = @('AudioVideoAuthentication')
$RolledTypes = @('AudioVideoAuthentication')
$TokenLifetime = [TimeSpan]::FromHours(8)
$NotAfterUtc = New-Object DateTime(2027, 7, 22, 21, 0, 0, [DateTimeKind]::Utc)
$EffectiveUtc = New-Object DateTime(2027, 1, 22, 13, 5, 9, [DateTimeKind]::Utc)

$Invariant = [Globalization.CultureInfo]::InvariantCulture
$PfxPath = Join-Path $PSScriptRoot $PfxName

function Get-UtcText($Date) {
    if ($Date -isnot [DateTime]) { return '' }
    $Date.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $Invariant)
}

# The value of a property that may not be there; older versions of the product tell less.
function Get-Value($Object, [string] $Name) {
    if ($null -eq $Object) { return $null }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    $property.Value
}

function Get-Sha256([string] $Path) {
    $sha = [Security.Cryptography.SHA256]::Create()
    try { $digest = $sha.ComputeHash([IO.File]::ReadAllBytes($Path)) } finally { $sha.Dispose() }
    ([BitConverter]::ToString($digest) -replace '-', '').ToLowerInvariant()
}

function Get-Stored([string] $Wanted) {
    if (-not $Wanted) { return $null }
    Get-Item -LiteralPath "Cert:\LocalMachine\My\$Wanted" -ErrorAction SilentlyContinue
}

# What is assigned now: one current and one other certificate for each type. Whether a staged one is
# told as the current or as the other is not documented, so both places are looked at.
function Get-Slots {
    foreach ($type in $Types) {
        $found = @(Get-CsCertificate -Type $type -ErrorAction SilentlyContinue)
        $first = $found | Select-Object -First 1
        $second = $found | Select-Object -Skip 1 -First 1
        $other = Get-Value $first 'PreviousThumbprint'
        if (-not $other) { $other = Get-Value $second 'Thumbprint' }
        [pscustomobject]@{
            type         = $type
            thumbprint   = ([string] (Get-Value $first 'Thumbprint')).ToUpperInvariant()
            other        = ([string] $other).ToUpperInvariant()
            effective_at = Get-UtcText (Get-Value $first 'EffectiveDate')
        }
    }
}

function Test-Assigned($Slot) {
    if ($Slot.thumbprint -eq $Thumbprint) { return $true }
    ($null -ne $EffectiveUtc) -and ($Slot.other -eq $Thumbprint)
}

function Assert-Server {
    $me = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
    if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'This does not run as administrator; start PowerShell with "Run as administrator".'
    }
    if (-not (Get-Command -Name Set-CsCertificate -ErrorAction SilentlyContinue)) {
        foreach ($name in 'SkypeForBusiness', 'Lync') {
            if (Get-Module -ListAvailable -Name $name) { Import-Module $name; break }
        }
    }
    if (-not (Get-Command -Name Set-CsCertificate -ErrorAction SilentlyContinue)) {
        throw 'Neither the module SkypeForBusiness nor Lync is here; run this on the Edge Server.'
    }
}

function Assert-Pfx {
    if (-not (Test-Path -LiteralPath $PfxPath)) {
        throw "'$PfxPath' is not there; copy it beside this script."
    }
    if ((Get-Sha256 $PfxPath) -ne $PfxSha256) {
        throw "'$PfxPath' is not the file that the station wrote; copy it again."
    }
}

function Assert-Dates($Slots) {
    $now = [DateTime]::UtcNow
    if ($now -ge $NotAfterUtc) {
        throw "The certificate ended at $(Get-UtcText $NotAfterUtc); ask for a new delivery."
    }
    if ($null -eq $EffectiveUtc) { return }
    if ($now -ge $EffectiveUtc) {
        throw ("The effective date $(Get-UtcText $EffectiveUtc) is not in the future any more " +
            "(this server's clock says $(Get-UtcText $now)); ask for a new delivery.")
    }
    foreach ($slot in $Slots) {
        if ($RolledTypes -notcontains $slot.type -or (Test-Assigned $slot)) { continue }
        if ($slot.other) {
            throw "$($slot.type) still has a previous certificate ($($slot.other)); run the " +
                'CleanUp of the last delivery first, for only one can be staged.'
        }
        $old = Get-Stored $slot.thumbprint
        if ($old -and $EffectiveUtc -gt $old.NotAfter.ToUniversalTime() - $TokenLifetime) {
            throw "The effective date $(Get-UtcText $EffectiveUtc) is too late for $($slot.type): " +
                "its certificate ends at $(Get-UtcText $old.NotAfter), and tokens live " +
                "$($TokenLifetime.TotalHours) hours."
        }
    }
}

# The passphrase as text, because Import-CsCertificate takes nothing else.
function Get-Passphrase {
    if ($PassphraseFile) {
        return [IO.File]::ReadAllText((Resolve-Path -LiteralPath $PassphraseFile).ProviderPath).Trim()
    }
    $secure = Read-Host -AsSecureString -Prompt "Passphrase of $PfxName"
    $pointer = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($secure)
    try { [Runtime.InteropServices.Marshal]::PtrToStringBSTR($pointer) }
    finally { [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($pointer) }
}

function Import-Delivery {
    if ((Get-Value (Get-Stored $Thumbprint) 'HasPrivateKey') -eq $true) {
        Write-Host "$Thumbprint is in the store already."
        return
    }
    $passphrase = Get-Passphrase
    # Exportable, as the product asks for on every Edge Server.
    Import-CsCertificate -Path $PfxPath -Password $passphrase -PrivateKeyExportable $true
    Remove-Variable passphrase
}

# Where CryptoAPI has the key; nothing for a key that only CNG has.
function Get-Container($Certificate) {
    try { $Certificate.PrivateKey.CspKeyContainerInfo } catch { $null }
}

# The imported certificate, after it was looked at.
function Get-Imported {
    $certificate = Get-Stored $Thumbprint
    if ($null -eq $certificate) { throw "$Thumbprint is not in the computer's store." }
    if (-not $certificate.HasPrivateKey) { throw "$Thumbprint has no private key here." }
    $container = Get-Container $certificate
    if ($null -eq $container) {
        throw "The key of $Thumbprint is in no CryptoAPI provider; the product cannot use it."
    }
    if ($container.ProviderName -ne $Provider) {
        throw "The key of $Thumbprint is in '$($container.ProviderName)', not in '$Provider'."
    }
    if ([string] $container.KeyNumber -ne 'Exchange') {
        throw "The key of $Thumbprint is for $($container.KeyNumber), not for exchange."
    }
    $certificate
}

function Set-Delivery {
    Set-CsCertificate -Type AudioVideoAuthentication -Thumbprint B142918E463981A76503828BB1278391B7162809 -Roll -EffectiveDate ($EffectiveUtc.ToLocalTime()) -Confirm:$false
}

function Assert-Assigned($Slots) {
    foreach ($slot in $Slots) {
        if (-not (Test-Assigned $slot)) {
            throw "$($slot.type) has '$($slot.thumbprint)', not $Thumbprint."
        }
    }
}

function Remove-Previous($Slots) {
    $held = @($Slots | Where-Object { $RolledTypes -contains $_.type -and $_.other })
    if ($held.Count -eq 0) { Write-Host 'There is no previous certificate.'; return }
    foreach ($slot in $held) {
        if ($slot.thumbprint -ne $Thumbprint) {
            throw "$($slot.type) has '$($slot.thumbprint)' in force, not $Thumbprint; nothing goes."
        }
        $old = Get-Stored $slot.other
        if ($old -and [DateTime]::UtcNow -le $old.NotAfter.ToUniversalTime()) {
            throw "The previous certificate of $($slot.type) is valid until " +
                "$(Get-UtcText $old.NotAfter): until then it checks tokens that it signed."
        }
    }
    if ($DryRun) { return }
    Remove-CsCertificate -Type AudioVideoAuthentication -Previous -Confirm:$false
}

# By the imported key: it shows that the key works here. The SChannel provider knows no SHA-256; the
# same container, opened by the AES provider, does.
function Get-Signature($Certificate, [byte[]] $Octets) {
    try {
        $container = Get-Container $Certificate
        $parameters = New-Object Security.Cryptography.CspParameters(24,
            'Microsoft Enhanced RSA and AES Cryptographic Provider', $container.KeyContainerName)
        $parameters.KeyNumber = [int] $container.KeyNumber
        $flags = [Security.Cryptography.CspProviderFlags] 'UseExistingKey, UseMachineKeyStore'
        $parameters.Flags = $flags
        $rsa = New-Object Security.Cryptography.RSACryptoServiceProvider($parameters)
        $rsa.PersistKeyInCsp = $true
        [Convert]::ToBase64String($rsa.SignData($Octets, 'SHA256'))
    }
    catch {
        Write-Warning "The receipt is not signed: $($_.Exception.Message)"
        ''
    }
}

function Test-Chain($Certificate) {
    $chain = New-Object Security.Cryptography.X509Certificates.X509Chain
    $chain.ChainPolicy.RevocationMode = 'NoCheck'
    $chain.Build($Certificate)
}

function Write-Receipt($Certificate) {
    $container = Get-Container $Certificate
    $statement = [ordered]@{
        context         = 'poolkey windows receipt v1'
        pool            = $Pool
        member          = $Member
        key             = $Key
        delivery        = $Delivery
        step            = $Step
        host            = [Net.Dns]::GetHostName()
        clock           = Get-UtcText ([DateTime]::UtcNow)
        thumbprint      = $Certificate.Thumbprint
        has_private_key = [bool] $Certificate.HasPrivateKey
        provider        = [string] $container.ProviderName
        key_spec        = [string] $container.KeyNumber
        chain_is_valid  = [bool] (Test-Chain $Certificate)
        slots           = @(Get-Slots)
    } | ConvertTo-Json -Compress -Depth 4
    $octets = [Text.Encoding]::UTF8.GetBytes($statement)
    $receipt = [ordered]@{
        statement = [Convert]::ToBase64String($octets)
        signature = [string] (Get-Signature $Certificate $octets)
    } | ConvertTo-Json
    $path = Join-Path $PSScriptRoot "receipt.$Pool.$Member.$Key.$Step.json"
    [IO.File]::WriteAllText($path, $receipt, (New-Object Text.UTF8Encoding($false)))
    Write-Host "Receipt, to be taken back to the station: $path"
}

Assert-Server
$slots = @(Get-Slots)
switch ($Step) {
    'Install' {
        Assert-Pfx
        Assert-Dates $slots
        if ($DryRun) { $slots | Format-Table -AutoSize; Write-Host 'Nothing was changed.'; return }
        Import-Delivery
        $certificate = Get-Imported
        Assert-Dates $slots
        if (@($slots | Where-Object { -not (Test-Assigned $_) }).Count -gt 0) { Set-Delivery }
        Assert-Assigned @(Get-Slots)
        Test-CsCertificateConfiguration -Report (Join-Path $PSScriptRoot 'test.html')
        Write-Receipt $certificate
        Write-Host "Now delete $PfxName and the passphrase."
    }
    'Check' {
        $certificate = Get-Imported
        Assert-Assigned $slots
        if ($DryRun) { return }
        Test-CsCertificateConfiguration -Report (Join-Path $PSScriptRoot 'test.html')
        Write-Receipt $certificate
    }
    'CleanUp' {
        $certificate = Get-Imported
        Assert-Assigned $slots
        Remove-Previous $slots
        if ($DryRun) { return }
        Write-Receipt $certificate
    }
}
