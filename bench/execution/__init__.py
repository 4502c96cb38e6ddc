"""How runs are carried out: slots and devices, the isolated child process, the worker, the engines."""
