-- store::retention::show_retention
select * from show_retention($1)
