-- store::retention::finish_redaction
select finish_redaction($1, $2, $3, $4, $5)
