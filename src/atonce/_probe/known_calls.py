"""What well-known functions and methods do to others' state: names, as far as they have to be known."""

__all__ = (
    "ARRAY_VIEWS",
    "CHANGES_PROCESS",
    "DRAWS_ON_CURRENT",
    "FILLS_ARGUMENT",
    "HOLDS_PARTS",
    "ITERATES",
    "MAKES_NEW",
    "MUTATORS",
    "PATH_WRITERS",
    "PUTS_IN",
    "RETURNS_NEW",
    "WRITES_INTO_FIRST",
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Methods that change the thing they are called on.
MUTATORS = _names(
    """
    add append appendleft clear difference_update discard extend extendleft insert intersection_update pop popitem popleft put
    put_nowait remove reverse rotate setdefault sort subtract symmetric_difference_update update write writelines writerow
    writerows move_to_end fill itemset resize setflags __setitem__ __delitem__ __iadd__ __ior__ __setattr__ __delattr__
    """
)

# Methods whose result is no part of the thing they are called on.
MAKES_NEW = _names(
    """
    capitalize casefold copy count decode encode endswith find format index isdigit join keys lower lstrip partition read
    readline replace rpartition rsplit rstrip split splitlines startswith strip title tobytes tolist translate upper
    """
)

# Methods that put their last argument into what they are called on, or what is in it.
PUTS_IN = _names("add append appendleft insert put put_nowait extend extendleft update setdefault")

# Methods that change their first argument, whatever they are called on.
FILLS_ARGUMENT = _names("shuffle readinto readinto1 recv_into recvfrom_into pack_into")

# What arrays and tables have that shows the same data; all else that they have and that is called returns new data.
ARRAY_VIEWS = _names(
    """
    T A at base data diagonal flat iat iloc imag loc mT newbyteorder ravel real reshape squeeze swapaxes
    to_numpy transpose values view
    asanyarray asarray ascontiguousarray asfortranarray atleast_1d atleast_2d atleast_3d broadcast_to diag expand_dims flip
    fliplr flipud moveaxis rollaxis rot90 split array_split hsplit vsplit dsplit sliding_window_view nditer
    """
)

# Functions and classes whose result is new all through, or cannot be changed.
RETURNS_NEW = _names(
    """
    copy.deepcopy json.dumps json.dump pickle.dumps _pickle.dumps pprint.pformat textwrap.dedent
    builtins.len builtins.sum builtins.any builtins.all builtins.hash builtins.id builtins.isinstance builtins.issubclass
    builtins.repr builtins.callable builtins.format builtins.abs builtins.round builtins.divmod builtins.pow builtins.ord
    builtins.chr builtins.hasattr builtins.print builtins.open _io.open
    """
)

# Functions and classes whose result is new, and holds what was in their arguments.
HOLDS_PARTS = _names(
    """
    builtins.list builtins.tuple builtins.dict builtins.set builtins.frozenset builtins.zip builtins.enumerate
    builtins.reversed
    builtins.filter builtins.sorted builtins.iter collections.deque collections.OrderedDict collections.defaultdict
    collections.Counter collections.ChainMap copy.copy
    itertools.chain itertools.islice itertools.cycle itertools.compress itertools.dropwhile itertools.takewhile
    itertools.filterfalse itertools.zip_longest itertools.product itertools.permutations itertools.combinations
    itertools.pairwise itertools.groupby itertools.tee
    """
)

# Functions and classes that go through their arguments.
ITERATES = HOLDS_PARTS | _names("builtins.sum builtins.any builtins.all builtins.map builtins.max builtins.min")

# Functions that change their first argument.
WRITES_INTO_FIRST = _names(
    """
    builtins.setattr builtins.delattr builtins.next
    _operator.setitem _operator.delitem _operator.iadd _operator.iconcat _operator.ior _operator.isub _operator.imul
    _heapq.heappush _heapq.heappop _heapq.heapify _heapq.heapreplace _heapq.heappushpop
    heapq.heappush heapq.heappop heapq.heapify heapq.heapreplace heapq.heappushpop
    _bisect.insort _bisect.insort_left _bisect.insort_right bisect.insort bisect.insort_left bisect.insort_right
    _struct.pack_into numpy.copyto numpy.put numpy.place numpy.putmask numpy.fill_diagonal
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
    _decimal.setcontext faulthandler.enable os.putenv os.unsetenv atexit.register
    """
)

# Modules whose functions work on something that is current: a figure, a turtle.
DRAWS_ON_CURRENT = _names("matplotlib.pyplot pylab turtle")

# Methods of a path that change the file.
PATH_WRITERS = _names("write_text write_bytes touch unlink rename replace mkdir rmdir chmod symlink_to hardlink_to")
