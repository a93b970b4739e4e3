-- store::consent::change_consent
select change_consent($1, $2, $3, $4, $5, $6, $7)
