//! What stands on the screen while the stack is up: where everything is, and lines to try.

use std::path::Path;

use devstack::stack::Stack;
use devstack::story::Workspace;

/// A way to reach each part, and curl lines that work as they stand.
pub(crate) fn text(stack: &Stack, workspace: &Workspace, file: &Path) -> String {
    let urls = stack.urls();
    let Workspace {
        id,
        name,
        phone_number,
        customer,
        token,
    } = workspace;
    let (gateway, simulator) = (&urls.gateway, &urls.simulator);
    let file = file.display();
    format!(
        r#"
Everything is up. Webhook signatures are off from here on. Ctrl-C ends it.

  gateway     {gateway}
  carrier     {simulator}   (control: {simulator}/_sim/ledger)
  queues      {queue}   (what waits: {queue}/_queue)
  tokens      {issuer}   ({issuer}/.well-known/jwks.json)
  Postgres    psql '{inspection}'
  functions   {database}   (as they connect)
  settings    {file}   (for cargo lambda watch --env-file, cargo xtask lambda-events, cargo xtask reconcile)

{name}, Pro, workspace {id}, number {phone_number}. A token of its admin, good for 30 days:

TOKEN={token}

# an SMS comes in, as the deployment guide tests it
curl -X POST {gateway}/api/webhooks/signalwire/sms \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -d "To=%2B14055551234&From=%2B14155551234&Body=Test&MessageSid=SM123"

# an SMS goes out (set TOKEN first, see above)
curl -X POST {gateway}/api/communications \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{{"channel":"sms","to":"{customer}","workspaceId":"{id}","body":"Hello from curl"}}'

# a call goes out and speaks
curl -X POST {gateway}/api/communications \
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -d '{{"channel":"call","to":"{customer}","workspaceId":"{id}","body":"Hello from curl"}}'

# the customer replies, through the carrier
curl -X POST {simulator}/_sim/inbound/sms \
  -d '{{"from":"{customer}","to":"{phone_number}","body":"Hello back"}}'

# somebody calls and leaves a voice message
curl -X POST {simulator}/_sim/inbound/call \
  -d '{{"from":"{customer}","to":"+14055551234","voicemail":{{"voicemail":"leaves","seconds":9,"transcript":"Call me back","presses_key":false}}}}'

# Clerk reports a new organization; a number is bought for it
curl -X POST {gateway}/api/webhooks/clerk \
  -H "Content-Type: application/json" \
  -d '{{"type":"organization.created","data":{{"id":"org_curl","name":"Curl & Co","slug":"curl-co","public_metadata":{{"plan":"pro","areaCode":"212"}}}}}}'

# the reconciler compares the carrier with Postgres; it also runs every 5 minutes by itself
curl -X POST {queue}/_schedule/nightly

# what has become of it (psql is in Debian's postgresql-client)
psql '{inspection}' \
  -c "select created_at::time(0), direction, sender_phone, recipient_phone, status, left(body, 40) as body from conversation_messages order by created_at desc limit 10"

Requests from now on:
"#,
        queue = urls.queue,
        issuer = urls.issuer,
        inspection = urls.inspection,
        database = urls.database,
    )
}
