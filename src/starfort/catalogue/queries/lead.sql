-- Notes where ids of endpoints lead; the latest row of an id counts.
INSERT INTO endpoint_ids (id, into, template)
SELECT row.1, row.2, row.3
FROM (SELECT arrayJoin(arrayZip({old:Array(String)}, {new:Array(String)}, {templates:Array(String)})) AS row)
