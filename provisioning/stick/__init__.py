"""The box's side of a stick: looks at it, checks and stages what headquarters signed, and copies the answer back.

Laws:
1. A stick is hostile until a signature says otherwise: nothing but a paper of at most 64 kB (or a file that signed
   metadata name with length and digest) is read beyond its first block, and nothing else is parsed at all.
2. No path of a stick is followed: every folder and file is opened from its parent's descriptor, without links; a name
   that is odd, or that differs from another by case alone, refuses the stick.
3. Every copy, list and wait has a limit (``limits``). What is staged was verified from the very bytes that are staged.
4. This process changes nothing of the box: it stages into the inbox, the daemon alone decides, and whatever happens
   here (a pull, a kill, a power cut) leaves either an offer that is whole or none.
5. The stick is read-only until the answer is there; then ``out/<serial>`` of this box alone is written, the text that
   a person reads last of all.
6. One stick at a time; what an earlier visit left unanswered or undelivered goes out with the next stick.
"""
