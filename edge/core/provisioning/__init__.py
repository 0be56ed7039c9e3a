"""What travels between headquarters and a box by stick: claims, requests, envelopes, tokens, and what comes back. Pure.

Laws:
1. A box obeys only what is signed by a key of the national package that it was born with, each kind by its own role.
2. Everything for one box is bound to its device key, encrypted to its seal key, and numbered; a number is used once.
3. The code that headquarters is told over the phone is computed by both sides over what the box asks for: it is never
   taken from a stick.
4. Every way in which a stick can be wrong has its own code (``codes``); nothing here raises anything but
   ``ProvisioningError`` on data.
"""
