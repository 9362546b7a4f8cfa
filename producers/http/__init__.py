"""The HTTP entry point: what NiFi's InvokeHTTP and everything else that speaks HTTP sends becomes jobs."""
