"""Looking up a host as Python itself does, whoever takes the place of its function later on."""

import socket

look_up = socket.getaddrinfo
