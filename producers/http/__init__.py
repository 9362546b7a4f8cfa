"""The HTTP door: what NiFi's InvokeHTTP and everything else that speaks HTTP sends becomes jobs."""
