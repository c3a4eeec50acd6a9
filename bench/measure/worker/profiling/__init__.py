"""Cases are profiled apart from their timing: torch's profiler, py-spy, ONNX Runtime's own profile."""
