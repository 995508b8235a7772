"""What the service tells of its own APIs: an OpenAPI document, made of the routes themselves."""
