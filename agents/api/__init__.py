"""The JSON edge: parse, authorize, call one service, shape the answer; no rule lives here."""
