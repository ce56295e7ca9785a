"""One vendor per file; each translates its vendor's types and errors."""
