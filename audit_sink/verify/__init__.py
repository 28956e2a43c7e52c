"""``governance audit``: whether the log holds, for somebody who trusts neither us nor our administrators.

Without a bucket or database it needs the standard library, our leaf encoding and a signature library.
"""
