"""A kernel that refuses some system calls to a process and all that it starts: a filter, as containers set them."""

import ctypes
import errno
import platform
import struct

# <asm/unistd.h> of the two machines that are met.
_NUMBERS = {
    "x86_64": {"link": (86, 265), "rename": (82, 264, 316), "unlink": (87, 263)},
    "aarch64": {"link": (37,), "rename": (38, 276), "unlink": (35,)},
}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # <linux/bpf_common.h>: LD|W|ABS, JMP|JEQ|K, RET|K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def refusing(*names):
    """Return what makes a process be refused these calls, as EPERM; to be run before the program is."""
    numbers = [number for name in names for number in _NUMBERS[platform.machine()][name]]
    lines = [(_LOAD, 0, 0, 0)]
    lines += [(_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HP", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)

    def refuse():
        for option, *given in ((_PR_SET_NO_NEW_PRIVS, 1, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program)):
            if libc.prctl(option, *given, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")
        return code  # which must live as long

    return refuse
