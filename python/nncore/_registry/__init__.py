"""Made from the compiled core's registry: classes with their documentation, stubs, recipes for files."""
