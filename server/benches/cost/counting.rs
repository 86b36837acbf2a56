//! Counts what the process asks of its allocator and of the system, on every thread but the load's own.
#![expect(
    unsafe_code,
    reason = "an allocator and the C library's functions are unsafe to write; they only count and pass on"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
static READS: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_LOAD: Cell<bool> = const { Cell::new(false) };
}

/// What was counted since the process began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// Calls that gave memory, those that moved some among them.
    pub(crate) allocations: u64,
    /// What they gave, in bytes.
    pub(crate) allocated: u64,
    /// What is in use, in bytes. What one thread frees of another's is seen too, but for the load's.
    pub(crate) held: u64,
    /// Calls that read from a socket, whether or not anything was there.
    pub(crate) reads: u64,
    /// Calls that wrote to a socket.
    pub(crate) writes: u64,
}

/// Whether reads and writes are counted on this system.
pub(crate) const COUNTS_CALLS: bool = cfg!(all(target_os = "linux", target_pointer_width = "64"));

/// Leaves this thread out from now on.
pub(crate) fn leave_out_this_thread() {
    IS_LOAD.set(true);
}

pub(crate) fn counts() -> Counts {
    let allocated = ALLOCATED.load(Relaxed);
    Counts {
        allocations: ALLOCATIONS.load(Relaxed),
        allocated,
        held: allocated.saturating_sub(FREED.load(Relaxed)),
        reads: READS.load(Relaxed),
        writes: WRITES.load(Relaxed),
    }
}

fn count(of: &AtomicU64, by: u64) {
    if !IS_LOAD.get() {
        of.fetch_add(by, Relaxed);
    }
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: whatever is asked is asked of the system's allocator, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS, 1);
        count(&ALLOCATED, layout.size() as u64);
        // SAFETY: the caller's promises are the callee's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS, 1);
        count(&ALLOCATED, layout.size() as u64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(&ALLOCATIONS, 1);
        count(&ALLOCATED, size as u64);
        count(&FREED, layout.size() as u64);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(&FREED, layout.size() as u64);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The functions by which the standard library reads and writes sockets. A program's own come before the C library's.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod calls {
    use std::ffi::{c_int, c_long, c_void};

    use super::{READS, WRITES, count};

    macro_rules! counted {
        ($($name:ident($($argument:ident: $type:ty),*) is $number:ident($($rest:expr),*), $which:ident;)*) => {$(
            /// As the C library's, which does nothing else.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> c_long {
                count(&$which, 1);
                // SAFETY: the system checks what it is given. The function gives back what the call does, and sets `errno`.
                unsafe { libc::syscall(libc::$number, $($argument,)* $($rest),*) }
            }
        )*};
    }

    const NOBODY: *const c_void = std::ptr::null();

    counted! {
        recv(socket: c_int, to: *mut c_void, length: usize, flags: c_int) is SYS_recvfrom(NOBODY, NOBODY), READS;
        recvmsg(socket: c_int, message: *mut c_void, flags: c_int) is SYS_recvmsg(), READS;
        readv(file: c_int, pieces: *const c_void, count_of: c_int) is SYS_readv(), READS;
        send(socket: c_int, from: *const c_void, length: usize, flags: c_int) is SYS_sendto(NOBODY, 0_usize), WRITES;
        sendmsg(socket: c_int, message: *const c_void, flags: c_int) is SYS_sendmsg(), WRITES;
        writev(file: c_int, pieces: *const c_void, count_of: c_int) is SYS_writev(), WRITES;
    }
}
