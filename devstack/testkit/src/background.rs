//! One runtime for the servers of this crate, on a thread of its own.
//!
//! A part that a test keeps in a `static` must not die with the runtime of the test that happened to start it, and a
//! fault must go on while the test's own thread is busy.

use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::thread;

use axum::serve::ListenerExt;
use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use crate::Error;

/// Where to spawn.
pub(crate) fn handle() -> &'static Handle {
    static HANDLE: LazyLock<Handle> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system gives file descriptors");
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("testkit-background".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("the system gives threads");
        handle
    });
    &HANDLE
}

/// A listening socket on loopback, ready for the background runtime.
pub(crate) fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let what = || format!("listen on 127.0.0.1:{port}");
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(Error::io(what()))?;
    listener.set_nonblocking(true).map_err(Error::io(what()))?;
    let address = listener.local_addr().map_err(Error::io(what()))?;
    Ok((listener, address))
}

/// Serves HTTP on a free loopback port until the task is aborted.
pub(crate) fn serve(router: axum::Router) -> Result<(SocketAddr, AbortHandle), Error> {
    let (listener, address) = listen(0)?;
    Ok((address, serve_on(listener, router)))
}

/// Serves HTTP on a socket from [`listen`] until the task is aborted.
pub(crate) fn serve_on(listener: TcpListener, router: axum::Router) -> AbortHandle {
    let task = handle().spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is non-blocking");
        // Answers are small and measured: they must not wait for an acknowledgement.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let _ = axum::serve(listener, router).await;
    });
    task.abort_handle()
}
