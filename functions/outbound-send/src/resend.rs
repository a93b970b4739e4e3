//! A failed message once more, as a new attempt.

use crate::answer::{Answer, Why, refused};
use crate::begin::Wish;
use crate::handler::{App, Asked, Failure, Parts, answered};
use crate::request::SendRequest;
use common::caller::Caller;
use common::http::Problem;
use common::store::Begin;
use lambda_http::{Body, Response};
use serde_json::Value;
use uuid::Uuid;

impl App {
    /// Sends a failed message of a workspace again, through all checks of a send. One `key`, one attempt.
    pub async fn resend(
        &self,
        caller: &Caller,
        workspace_id: Uuid,
        failed: Uuid,
        key: String,
    ) -> Response<Body> {
        answered(self.again(caller, workspace_id, failed, key).await)
    }

    async fn again(
        &self,
        caller: &Caller,
        workspace_id: Uuid,
        failed: Uuid,
        key: String,
    ) -> Result<Response<Body>, Failure> {
        let wish = Wish::Again {
            workspace_id,
            failed,
            key: &key,
        };
        let begun = self.begin(self.live.get().await, caller, &wish).await?;
        let request = match (&begun.again, &begun.decision) {
            (Some(body), _) => permitted(&begun.parts, body),
            (None, Begin::Refused { code, detail, .. }) => Err(refused(
                code,
                Why {
                    detail: detail.clone(),
                    ..Why::default()
                },
            )),
            (None, _) => Err(refused("not_found", Why::default())),
        };
        let problem = match request {
            Ok(request) => {
                let key = Some(key);
                return self.carry_on(begun, &Asked { request, key }).await;
            }
            Err(problem) => problem,
        };
        // the row is there: it says why it was not sent
        if matches!(begun.decision, Begin::Created { .. }) {
            let answer = Answer::problem(&problem);
            let status = ("failed", Some(problem.detail.as_str()));
            begun
                .parts
                .remember(workspace_id, Some(&key), begun.id, status, &answer)
                .await;
        }
        Err(problem.into())
    }
}

/// What was sent once may since have become forbidden: a country, a channel.
fn permitted(parts: &Parts, body: &Value) -> Result<SendRequest, Problem> {
    let mut request = SendRequest::read(body.to_string().as_bytes(), &parts.countries)?;
    parts.check_channel(request.channel)?;
    request.refusal.take().map_or(Ok(request), Err)
}
