// Boost.JSON, compiled into poolkey.so in the way that it offers for this.
#include <boost/json/src.hpp>
