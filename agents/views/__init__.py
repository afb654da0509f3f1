"""The HTML edge: parse, authorize, call one service, render. An edge never saves."""
