//! Loopback sockets, and HTTP on them.

use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::error::Error;

/// A socket that listens already: its address is known, and whoever connects waits.
pub(super) struct Listener {
    socket: TcpListener,
    pub(super) address: SocketAddr,
}

impl Listener {
    pub(super) async fn bind(port: u16, part: &'static str) -> Result<Self, Error> {
        let failed = |source| Error::listen(port, part, source);
        let socket = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the handle is aborted.
    pub(super) fn serve(self, router: Router) -> AbortHandle {
        let socket = self.socket.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move {
            let _ = axum::serve(socket, router).await;
        })
        .abort_handle()
    }
}
