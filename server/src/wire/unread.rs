//! How much has come that nobody has read.

use tokio::net::TcpStream;

/// Looks at a connection's receive buffer while somebody else owns the connection.
pub(super) struct Unread {
    #[cfg(unix)]
    socket: Option<std::os::fd::OwnedFd>,
}

impl Unread {
    #[cfg(unix)]
    pub(super) fn of(stream: &TcpStream) -> Self {
        use std::os::fd::AsFd as _;
        Self { socket: stream.as_fd().try_clone_to_owned().ok() }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &TcpStream) -> Self {
        Self {}
    }

    /// Looks at nothing.
    #[cfg(fuzzing)]
    pub(super) fn none() -> Self {
        Self { socket: None }
    }

    /// How many bytes wait, where the system tells.
    #[cfg(unix)]
    pub(super) fn bytes(&self) -> Option<u64> {
        rustix::io::ioctl_fionread(self.socket.as_ref()?).ok()
    }

    #[cfg(not(unix))]
    pub(super) fn bytes(&self) -> Option<u64> {
        None
    }
}
