"""Tells Schemathesis how a body is sent that is bytes of a type it does not know."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
