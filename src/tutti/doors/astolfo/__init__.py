"""The door of Astolfo's phones: three gRPC services, and the HTTP that phones spoke before."""
