"""What comes to headquarters by stick: rows and logs of boxes, checked for who sends them, taken in as if by MQTT.

``sender`` looks at the certificate, ``importing`` takes one file, ``acks_file`` keeps what goes back.
"""
