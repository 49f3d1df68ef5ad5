"""What the REST API will stand on. So far: the HTTP status of each kind of refusal, which nothing serves yet."""
