"""DepTR: D-FINE with a depth awareness module, its weights and its ONNX form."""
