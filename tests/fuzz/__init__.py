"""Generated calls against the running product, made from its own OpenAPI document."""
