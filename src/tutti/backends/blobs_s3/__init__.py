"""Blobs in a bucket of an S3 server: staged on our disk, one object each, seen whole or not at all (ADR 0031)."""

from tutti.backends.blobs_s3.bucket import Bucket, S3Address
from tutti.backends.blobs_s3.remote import S3Remote
from tutti.backends.blobs_s3.store import S3Blobs

__all__ = ["Bucket", "S3Address", "S3Blobs", "S3Remote"]
