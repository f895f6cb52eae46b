"""From the compiled core's registry to Python: classes, their documentation, stubs, recipes for files."""
