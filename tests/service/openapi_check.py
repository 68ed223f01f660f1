"""Checks an OpenAPI document on stdin against the structure of OpenAPI 3.1.0, section 4.8.

Debian has no validator for 3.1; this one knows the objects that we write, and nothing else may
stand there. Component schemas are checked by jsonschema against JSON Schema 2020-12. Prints every
fault; exit status 1 if there are any.
"""
import json
import re
import sys

import jsonschema

FAULTS = []


def fault(where, sentence):
    FAULTS.append(f"{where}: {sentence}")


# object: (required fields, optional fields)
OBJECTS = {
    "OpenAPI": ({"openapi", "info", "paths", "components"}, {"servers", "tags", "security"}),
    "Info": ({"title", "version"}, {"summary", "description", "license"}),
    "Components": (set(), {"schemas", "responses", "parameters", "securitySchemes"}),
    "Operation": ({"operationId", "summary", "responses", "security", "x-poolkey-action"},
                  {"description", "parameters", "requestBody", "tags", "deprecated"}),
    "Parameter": ({"name", "in", "schema"}, {"required", "description"}),
    "RequestBody": ({"content"}, {"description", "required"}),
    "MediaType": (set(), {"schema", "examples"}),
    "Response": ({"description"}, {"headers", "content"}),
}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
SCHEMES = {"mutualTLS": set(), "http": {"scheme"}}


def shape(kind, value, where):
    if not isinstance(value, dict):
        fault(where, f"is no {kind} object")
        return {}
    required, optional = OBJECTS[kind]
    for name in sorted(required - value.keys()):
        fault(where, f"lacks '{name}' of a {kind} object")
    for name in sorted(value.keys() - required - optional):
        fault(where, f"'{name}' is nothing of a {kind} object")
    return value


class Document:
    def __init__(self, document):
        self.whole = document

    def resolve(self, reference, where):
        at = self.whole
        if not reference.startswith("#/"):
            fault(where, f"refers to '{reference}'")
            return {}
        for part in reference[2:].split("/"):
            at = at.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
        if at is None:
            fault(where, f"'{reference}' is not there")
            return {}
        return at

    def schema(self, schema, where):
        """The schema itself is sound, and what it refers to is there."""
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            fault(where, error.message)
        stack = [schema]
        while stack:
            one = stack.pop()
            if isinstance(one, dict):
                if "$ref" in one:
                    self.resolve(one["$ref"], where)
                stack.extend(one.values())
            elif isinstance(one, list):
                stack.extend(one)

    def content(self, content, where):
        for media_type, value in content.items():
            if not re.fullmatch(r"[a-z*]+/[a-z0-9.+*-]+", media_type):
                fault(where, f"'{media_type}' is no media type")
            media = shape("MediaType", value, f"{where} {media_type}")
            if "schema" in media:
                self.schema(media["schema"], f"{where} {media_type}")

    def response(self, value, where):
        if "$ref" in value:
            value = self.resolve(value["$ref"], where)
        self.content(shape("Response", value, where).get("content", {}), where)

    def parameters(self, parameters, path, where):
        seen = set()
        for value in parameters:
            one = shape("Parameter", value, where)
            name, place = one.get("name"), one.get("in")
            if (name, place) in seen:
                fault(where, f"the parameter '{name}' stands twice")
            seen.add((name, place))
            if place not in ("path", "query", "header", "cookie"):
                fault(where, f"a parameter is in '{place}'")
            if place == "path" and one.get("required") is not True:
                fault(where, f"the path parameter '{name}' must be required")
            self.schema(one.get("schema", {}), f"{where} {name}")
        given = {name for name, place in seen if place == "path"}
        wanted = re.findall(r"{([^}]*)}", path)
        if given != set(wanted) or len(wanted) != len(set(wanted)):
            fault(where, f"the path has the parameters {wanted}, the operation {sorted(given)}")

    def operation(self, value, path, where, ids):
        one = shape("Operation", value, where)
        if one.get("operationId") in ids:
            fault(where, "its operationId stands twice")
        ids.add(one.get("operationId"))
        self.parameters(one.get("parameters", []), path, where)
        if "requestBody" in one:
            self.content(shape("RequestBody", one["requestBody"], where)["content"], where)
        responses = one.get("responses", {})
        if not responses:
            fault(where, "has no responses")
        for status, response in responses.items():
            if not re.fullmatch(r"default|[1-5](XX|[0-9]{2})", status):
                fault(where, f"'{status}' is no status")
            self.response(response, f"{where} {status}")
        schemes = self.whole["components"].get("securitySchemes", {})
        for requirement in one.get("security", []):
            for name in requirement:
                if name not in schemes:
                    fault(where, f"the security scheme '{name}' is not there")

    def check(self):
        shape("OpenAPI", self.whole, "document")
        if not re.fullmatch(r"3\.1\.[0-9]+", self.whole.get("openapi", "")):
            fault("openapi", "is no 3.1")
        shape("Info", self.whole.get("info"), "info")
        components = shape("Components", self.whole.get("components"), "components")
        for kind, members in components.items():
            for name in members:
                if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
                    fault(f"components.{kind}", f"'{name}' is no name of a component")
        for name, schema in components.get("schemas", {}).items():
            self.schema(schema, f"schema {name}")
        for name, response in components.get("responses", {}).items():
            self.response(response, f"response {name}")
        for name, scheme in components.get("securitySchemes", {}).items():
            if scheme.get("type") not in SCHEMES or SCHEMES[scheme["type"]] - scheme.keys():
                fault(f"security scheme {name}", "is not whole")
        ids = set()
        templates = set()
        for path, item in self.whole.get("paths", {}).items():
            same = re.sub(r"{[^}]*}", "{}", path)
            if not path.startswith("/") or same in templates:
                fault(path, "is no path, or cannot be told from another")
            templates.add(same)
            for method, operation in item.items():
                if method not in METHODS:
                    fault(path, f"has a method '{method}'")
                self.operation(operation, path, f"{method.upper()} {path}", ids)


def main():
    Document(json.load(sys.stdin)).check()
    for sentence in FAULTS:
        print(sentence)
    return 1 if FAULTS else 0


sys.exit(main())
