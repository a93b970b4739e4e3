//! The first statement of a send: may it go, and its row.

use crate::handler::{App, Asked, Parts};
use common::caller::Caller;
use common::domain::{PhoneNumber, Scope};
use common::metrics;
use common::signalwire::Leave;
use common::store::{self, Begin, NewAttempt, NewMessage};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// What the first statement is to decide on.
pub(crate) enum Wish<'a> {
    /// What a request says.
    New(&'a Asked),
    /// A failed message once more, of which only the database knows what it says.
    Again {
        workspace_id: Uuid,
        failed: Uuid,
        key: &'a str,
    },
}

/// What the first statement decided.
pub(crate) struct Begun {
    /// As they were then.
    pub(crate) parts: Arc<Parts>,
    /// The new row's.
    pub(crate) id: Uuid,
    /// To send until then.
    pub(crate) leave: Leave,
    pub(crate) decision: Begin,
    /// What the failed message's request would say.
    pub(crate) again: Option<Value>,
}

impl App {
    /// The first statement; a credential that was changed is read again.
    pub(crate) async fn begin(
        &self,
        mut parts: Arc<Parts>,
        caller: &Caller,
        wish: &Wish<'_>,
    ) -> Result<Begun, store::Error> {
        let id = Uuid::now_v7();
        metrics::correlate(&id);
        let mut leave = Leave::ask();
        let mut decided = decide(&parts, caller, wish, id).await;
        if matches!(decided, Err(store::Error::Credentials(_)))
            && let Some(renewed) = self.live.renewed(&parts).await
        {
            parts = renewed;
            leave = Leave::ask();
            decided = decide(&parts, caller, wish, id).await;
        }
        let (decision, again) = decided?;
        Ok(Begun {
            parts,
            id,
            leave,
            decision,
            again,
        })
    }
}

async fn decide(
    parts: &Parts,
    caller: &Caller,
    wish: &Wish<'_>,
    id: Uuid,
) -> Result<(Begin, Option<Value>), store::Error> {
    let now = Timestamp::now();
    let asked = match wish {
        Wish::New(asked) => asked,
        Wish::Again {
            workspace_id,
            failed,
            key,
        } => {
            let attempt = NewAttempt {
                id,
                permit: caller.permit(*workspace_id, Scope::MessagesWrite),
                key,
                failed: *failed,
            };
            return parts.store.begin_resend(&attempt, &parts.shared, now).await;
        }
    };
    let request = &asked.request;
    let message = NewMessage {
        id,
        permit: caller.permit(request.workspace_id, Scope::MessagesWrite),
        key: asked.key.as_deref(),
        hash: &request.hash(),
        channel: request.channel.as_str(),
        to: request.to.as_str(),
        body: &request.body,
        attachments: &request.attachments(),
        segments: request.segments(),
        from: request.from.as_deref(),
        connect: request.connect.as_ref().map(PhoneNumber::as_str),
        refusal: request.refusal.as_ref().map(|problem| problem.code),
        quiet: request.quiet.as_str(),
    };
    let begun = parts.store.begin_outbound(&message, &parts.shared, now).await?;
    Ok((begun, None))
}
