"""template.yaml as CloudFormation gets it: SAM's own translator, with nothing asked of AWS.

usage: translate.py TEMPLATE OUTPUT
"""

import json
import logging
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

logging.disable(logging.WARNING)  # of what SAM may switch on in its own service
source, output = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        binary = resource["Metadata"]["BuildProperties"]["Binary"]
        resource["Properties"]["CodeUri"] = f"s3://rehearsal/{binary}.zip"
template["Globals"]["Function"].pop("CodeUri")
translated = Translator({}, Parser()).translate(template, {})
with open(output, "w", encoding="utf-8") as file:
    json.dump(translated, file, indent=1, default=str)
kinds = sorted({resource["Type"] for resource in translated["Resources"].values()})
print(f"{len(translated['Resources'])} resources of {len(kinds)} kinds")
