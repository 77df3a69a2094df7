"""The experiments that join several parts of the package, one function each."""
