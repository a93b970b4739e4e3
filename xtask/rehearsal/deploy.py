"""Deploys the translated template to the emulator moto, as far as moto goes, then runs the built functions on what it made: with
exactly the variables that CloudFormation computed, the secret and the queues of the stack, and every event of events/.

There is no database here, so it shows what a stack does while Postgres is away: webhooks end in the spool, events on the
queue, and nothing crashes. With a database the same events run under `cargo xtask lambda-events`.

usage: deploy.py TEMPLATE BINARIES EVENTS, with a Python that has moto[server]. BINARIES is
a path in which {function} stands for a function's logical name and {binary} for its binary.
"""

import base64
import hashlib
import hmac
import http.client
import http.server
import io
import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import zipfile

import boto3
from botocore.config import Config

STACK = "ringspace-rehearsal"
APP_URL = "https://rehearsal.ringspace.example.com"
SIGNING_KEY = "PSK_rehearsal"
CLERK_SECRET = "whsec_" + base64.b64encode(b"rehearsal of a secret 24").decode()
PARAMETERS = {
    "Stage": "prod",
    "AppUrl": APP_URL,
    "SignalWireSpaceUrl": "example.signalwire.com",
    "SignalWirePhoneNumber": "+14055550100",
    "AuthIssuer": "https://issuer.example.com",
    "AuthJwksUrl": "https://issuer.example.com/jwks",
}
# What moto's CloudFormation makes. The secret is made beside it; the rest is named in the output, so that nobody takes it for rehearsed.
IN_MOTO = (
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
)
REGION = "us-east-1"
# The workspace API has no files in events/; this much it answers without a database.
OPENAPI = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/api/openapi.json",
    "rawQueryString": "",
    "headers": {},
    "requestContext": {"stage": "$default", "http": {"method": "GET", "path": "/api/openapi.json"}},
    "isBase64Encoded": False,
}


def fail(why):
    sys.exit(f"error: {why}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def references(value, names):
    """The logical ids that an expression depends on, the update policy of an alias among them."""
    if isinstance(value, list):
        return set().union(set(), *(references(item, names) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found |= {inner} & names
        elif key == "Fn::GetAtt":
            found |= {inner[0] if isinstance(inner, list) else inner.split(".")[0]} & names
        elif key == "Fn::Sub":
            text = inner if isinstance(inner, str) else inner[0]
            found |= {name for name in names if "${" + name + "}" in text or "${" + name + "." in text}
            found |= references(inner[1:], names) if isinstance(inner, list) else set()
        elif key == "DependsOn":
            found |= set([inner] if isinstance(inner, str) else inner)
        else:
            found |= references(inner, names)
    return found


def assert_no_circle(resources):
    names = set(resources)
    needs = {name: references(resource, names) - {name} for name, resource in resources.items()}
    while needs:
        ready = {name for name, others in needs.items() if not others & set(needs)}
        if not ready:
            fail(f"these resources wait for each other: {sorted(needs)}")
        needs = {name: others for name, others in needs.items() if name not in ready}


class Runtime:
    """A Lambda Runtime API for one function."""

    def __init__(self, name, binary, variables):
        self.events, self.answers, owner = queue.Queue(), queue.Queue(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                body = json.dumps(owner.events.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000001")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 300) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:{REGION}:123456789012:function:{name}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                owner.answers.put((self.path.rsplit("/", 1)[-1], body))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a function that is stopped drops its connection
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        lambda_variables = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }
        self.process = subprocess.Popen([binary], env={**variables, **lambda_variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def invoke(self, event):
        self.events.put(event)
        while True:
            try:
                return self.answers.get(timeout=0.5)
            except queue.Empty:
                if self.process.poll() is not None:
                    self.reader.join(2)
                    fail(f"a function ended: {b''.join(self.lines).decode(errors='replace')[-800:]}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.server.shutdown()
        return [line.decode(errors="replace") for line in self.lines]


def signed(event):
    """The event as the carrier or Clerk would have signed it for this stack."""
    body = event.get("body")
    if body is None or "rawPath" not in event:
        return event
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = event["headers"]
    url = APP_URL + event["rawPath"] + ("?" + event["rawQueryString"] if event["rawQueryString"] else "")
    if "clerk" in event["rawPath"]:
        now = str(int(time.time()))
        key = base64.b64decode(CLERK_SECRET.removeprefix("whsec_"))
        text = f"{headers['svix-id']}.{now}.".encode() + raw
        headers["svix-timestamp"] = now
        headers["svix-signature"] = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    elif "json" in headers.get("content-type", ""):
        headers["x-signalwire-signature"] = hmac.new(SIGNING_KEY.encode(), url.encode() + raw, hashlib.sha1).hexdigest()
    else:
        fields = sorted(urllib.parse.parse_qsl(raw.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape"))
        text = url.encode() + b"".join(part.encode("utf-8", "surrogateescape") for field in fields for part in field)
        headers["x-signalwire-signature"] = base64.b64encode(hmac.new(SIGNING_KEY.encode(), text, hashlib.sha1).digest()).decode()
    return event


def main(template_path, binaries, events):
    template = json.loads(pathlib.Path(template_path).read_text())
    assert_no_circle(template["Resources"])
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    log = open(pathlib.Path(template_path).with_name("moto.log"), "wb")  # noqa: SIM115, it ends with the process
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        wait_for(port)
        rehearse(endpoint, template, binaries, pathlib.Path(events))
    finally:
        server.kill()
        server.wait()


def wait_for(port):
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/moto-api/")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    fail("the emulator does not answer")


def without(template, secret):
    """What moto makes, and the kinds that it does not."""
    resources = template["Resources"]
    left_out = {name: r["Type"] for name, r in resources.items() if r["Type"] not in IN_MOTO}
    instead = {name: name for name in left_out}
    instead["AppSecret"] = secret
    # moto makes no aliases; what calls one calls its function here
    stand_in = {name: name.removesuffix("Aliaslive") for name in left_out if name.endswith("FunctionAliaslive")}

    def cut(value):
        if isinstance(value, dict):
            target = value.get("Ref")
            if target in stand_in:
                return {"Fn::GetAtt": [stand_in[target], "Arn"]}
            if target in instead:
                return instead[target]
            if target == "EventBus":  # moto gives an object for this, and the bus has the stack's name
                return {"Ref": "AWS::StackName"}
            attribute = value.get("Fn::GetAtt")
            if attribute and (attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]) in left_out:
                return "not-rehearsed"
            return {key: cut(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [cut(inner) for inner in value]
        if isinstance(value, str):
            for name, text in instead.items():
                value = value.replace("${" + name + "}", text)
        return value

    kept = {name: cut(r) for name, r in resources.items() if name not in left_out}
    for resource in kept.values():
        if "EventBusName" in resource.get("Properties", {}):
            resource["DependsOn"] = "EventBus"
    made = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": template["Parameters"],
        "Conditions": template["Conditions"],
        "Resources": kept,
        "Outputs": {name: cut(o) for name, o in template["Outputs"].items() if "Condition" not in o},
    }
    return made, sorted(set(left_out.values()))


def rehearse(endpoint, template, binaries, events):
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
    client = lambda service: session.client(service, endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", "")
    client("s3").create_bucket(Bucket="rehearsal")
    functions = {n: r for n, r in template["Resources"].items() if r["Type"] == "AWS::Lambda::Function"}
    for resource in functions.values():
        client("s3").put_object(Bucket="rehearsal", Key=resource["Properties"]["Code"]["S3Key"], Body=archive.getvalue())

    secret_id = client("secretsmanager").create_secret(Name=f"{STACK}-secret", SecretString="{}")["ARN"]
    made, left_out = without(template, secret_id)
    body = json.dumps(made)
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=body,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    described = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    if described["StackStatus"] != "CREATE_COMPLETE":
        fail(f"the stack is in {described['StackStatus']}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    resources = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    print(f"deployed to the emulator: {len(resources)} of {len(template['Resources'])} resources")
    print(f"not there, so not rehearsed: {', '.join(left_out)}")

    sqs = client("sqs")
    redrive = json.loads(sqs.get_queue_attributes(QueueUrl=outputs["SpoolQueueUrl"], AttributeNames=["All"])["Attributes"]["RedrivePolicy"])
    if not redrive["deadLetterTargetArn"].endswith(outputs["SpoolDeadLetterQueueName"]):
        fail("the spool's dead letters go elsewhere")
    waiting = lambda url: int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"])

    project = project_of(events)
    secret = {
        "SIGNALWIRE_PROJECT_ID": project,
        "SIGNALWIRE_TOKEN": "PT_rehearsal",
        "SIGNALWIRE_SIGNING_KEY": SIGNING_KEY,
        "DATABASE_URL": "postgres://rehearsal:rehearsal@127.0.0.1:1/rehearsal",
        "CLERK_WEBHOOK_SECRET": CLERK_SECRET,
    }
    client("secretsmanager").put_secret_value(SecretId=outputs["AppSecretId"], SecretString=json.dumps(secret))

    client("events").put_events(Entries=[{
        "EventBusName": outputs["EventBusName"], "Source": "rehearsal", "DetailType": "workspace.created", "Detail": "{}",
    }])
    bus_reaches_queue = waiting(outputs["ProvisioningQueueUrl"])
    print(f"an event on the bus: {bus_reaches_queue} on the queue")
    if bus_reaches_queue != 1:
        fail("the rule did not put it on the queue")

    told = 0
    for logical, resource in sorted(functions.items()):
        binary = resource["Metadata"]["BuildProperties"]["Binary"]
        name = f"{STACK}-{binary}"
        computed = client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        computed = {name: str(value) for name, value in computed.items()}  # moto keeps numbers
        variables = {**computed, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        runtime = Runtime(name, binaries.replace("{function}", logical).replace("{binary}", binary), variables)
        before = waiting(outputs["SpoolQueueUrl"]), waiting(outputs["ProvisioningQueueUrl"])
        files = sorted((events / binary).glob("*.json"))
        played = {file.name: json.loads(file.read_text()) for file in files} or {"openapi": OPENAPI}
        statuses = {}
        for file, event in played.items():
            kind, answer = runtime.invoke(signed(event))
            document = json.loads(answer or b"null")
            status = document.get("statusCode", kind) if isinstance(document, dict) else kind
            statuses[str(status)] = statuses.get(str(status), 0) + 1
            if status == 500 or (kind == "error" and binary not in ("migrator", "reconciler")):
                fail(f"{binary} on {file}: {answer[:300]}")
        log = runtime.close()
        lines = [json.loads(line) for line in log if '"message":"Invocation"' in line]
        if binary != "migrator" and len(lines) != len(played):
            fail(f"{binary} told of {len(lines)} of {len(played)} invocations")
        if any(line["Stack"] != STACK or line["function"] != binary for line in lines):
            fail(f"{binary} counts for another stack")
        told += len(lines)
        spooled = waiting(outputs["SpoolQueueUrl"]) - before[0]
        queued = waiting(outputs["ProvisioningQueueUrl"]) - before[1]
        counted = sum(line.get("Spooled", 0) for line in lines)
        if counted != spooled:
            fail(f"{binary} counted {counted} spooled webhooks, and {spooled} are there")
        if binary in ("sms-webhook", "webhook-fallback") and not spooled:
            fail(f"{binary} put nothing into the stack's spool")
        if binary == "clerk-webhook" and not queued:
            fail("clerk-webhook put nothing on the stack's queue")
        print(f"{binary:<18} {len(played):>2} events: {statuses}, {spooled} spooled, {queued} queued")
    print(f"{told} invocations told of themselves")
    cloudformation.delete_stack(StackName=STACK)


def project_of(events):
    """The project that the events name."""
    for file in sorted((events / "sms-webhook").glob("inbound-sms.json")):
        body = base64.b64decode(json.loads(file.read_text())["body"]).decode()
        return dict(urllib.parse.parse_qsl(body))["AccountSid"]
    return fail("events/sms-webhook/inbound-sms.json is missing")


if __name__ == "__main__":
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    main(*sys.argv[1:])
