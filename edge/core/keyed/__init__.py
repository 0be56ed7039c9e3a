"""Lists of 140 million documents, vehicles or firearms as bytes: asked by a keyed hash, changed by deltas.

``keys`` says what is asked, ``record`` what is answered, ``header`` and ``base`` how a file lies, ``store`` how base
and overlay answer together. Writers (``rows``, ``maker``, ``setdigest``, ``delta``, ``overlay``) need numpy; asking
does not.
"""
