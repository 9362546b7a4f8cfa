"""The Redis bridge: what NiFi's PublishRedis and anything else pushes into Redis becomes jobs."""
