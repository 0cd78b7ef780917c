"""What well-known functions and methods do to others' state: names, as far as they have to be known."""

__all__ = ("CHANGES_PROCESS", "MAKES_NEW", "MUTATORS", "PATH_WRITERS", "WRITES_INTO_FIRST")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Methods that change the thing they are called on.
MUTATORS = _names(
    """
    add append appendleft clear difference_update discard extend extendleft insert intersection_update pop popitem popleft put
    put_nowait remove reverse rotate setdefault sort subtract symmetric_difference_update update write writelines writerow
    writerows
    """
)

# Methods whose result is no part of the thing they are called on.
MAKES_NEW = _names(
    """
    capitalize casefold copy count decode encode endswith find format index isdigit join keys lower lstrip partition read
    readline replace rpartition rsplit rstrip split splitlines startswith strip title tobytes tolist translate upper
    """
)

# Functions that change their first argument.
WRITES_INTO_FIRST = _names(
    """
    builtins.setattr builtins.delattr builtins.next
    _operator.setitem _operator.delitem _operator.iadd _operator.iconcat _operator.ior _operator.isub _operator.imul
    _heapq.heappush _heapq.heappop _heapq.heapify _heapq.heapreplace _heapq.heappushpop
    heapq.heappush heapq.heappop heapq.heapify heapq.heapreplace heapq.heappushpop
    _bisect.insort _bisect.insort_left _bisect.insort_right bisect.insort bisect.insort_left bisect.insort_right
    _struct.pack_into numpy.copyto numpy.put numpy.place numpy.putmask
    """
)

# Functions that change what the whole program has once: an item beside this one would see it.
CHANGES_PROCESS = _names(
    """
    posix.chdir posix.fchdir posix.chroot posix.umask posix.putenv posix.unsetenv posix.nice posix.setuid posix.setgid
    nt.chdir nt.umask nt.putenv nt.unsetenv _locale.setlocale locale.setlocale time.tzset
    signal.signal _signal.signal signal.setitimer _signal.setitimer signal.alarm _signal.alarm
    sys.setrecursionlimit sys.setswitchinterval sys.settrace sys.setprofile resource.setrlimit
    gc.disable gc.enable gc.set_threshold socket.setdefaulttimeout _socket.setdefaulttimeout
    warnings.simplefilter warnings.filterwarnings warnings.resetwarnings _warnings.simplefilter decimal.setcontext
    _decimal.setcontext faulthandler.enable os.putenv os.unsetenv
    """
)

# Methods of a path that change the file.
PATH_WRITERS = _names("write_text write_bytes touch unlink rename replace mkdir rmdir chmod symlink_to hardlink_to")
