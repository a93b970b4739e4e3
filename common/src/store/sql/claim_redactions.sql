-- store::retention::claim_redactions
select * from claim_redactions($1)
