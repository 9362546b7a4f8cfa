"""The promises, broken on purpose: real processes, a real Redis and the sandbox, through every fault we can make."""
