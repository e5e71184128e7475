def serve(*a): return 1
