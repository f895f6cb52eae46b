"""What the tests share: reference implementations, cases from the registry, nets, and what loads a shim into Python."""
