"""Versions of the software beside each other: taken signed, tried without a network, and left again if they fail.

Laws:
1. A version is a folder below ``/opt/borderpost/versions``, whole or not there; ``current`` is a link to one of them.
2. Who unpacks (``update``, root without a capability or a network) runs nothing of what it unpacks; who tries it
   (``borderpost selftest``) is the daemon's user; who counts failures (``trial``) belongs to no version.
3. Forward only, by the marks of signed distribution (edge.updates); a version that failed here is not taken again.
"""
