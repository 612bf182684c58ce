"""One RSA key for every test of a process that wants any: making one takes a tenth of a second."""

from cryptography.hazmat.primitives.asymmetric import rsa

RSA = rsa.generate_private_key(65_537, 2_048)
