-- Sends each of the requests in a file once, on whichever connection is free, and counts the answers that are as they should be.
-- Environment: GATEPOST_REQUESTS (a file: before each request its length and a line end), GATEPOST_EXPECTED (a part of each answer),
-- GATEPOST_STATUS (of each answer), GATEPOST_FINISHED (a file that is made when all are answered, or one is answered otherwise: wrk itself goes on for its time).

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(os.getenv("GATEPOST_REQUESTS"), "rb"))
  requests, sent, good, bad, first = {}, 0, 0, "", true
  expected, wanted = os.getenv("GATEPOST_EXPECTED"), tonumber(os.getenv("GATEPOST_STATUS"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    table.insert(requests, file:read(length))
  end
  file:close()
end

function request()
  -- wrk asks once before it begins, and does not send that.
  if first then
    first = false
    return requests[1]
  end
  sent = sent + 1
  return requests[sent] or "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
end

function delay()
  -- Whoever finds nothing left waits for the end.
  if sent >= #requests then return 3600000 end
  return 0
end

function response(status, headers, body)
  if status == wanted and body:find(expected, 1, true) then
    good = good + 1
    if good == #requests then finish() end
  elseif bad == "" and (status ~= 200 or sent <= #requests) then
    bad = status .. " " .. body
    finish()
  end
end

function finish()
  io.open(os.getenv("GATEPOST_FINISHED"), "w"):close()
end

function done(summary, latency, all)
  io.write("good ", threads[1]:get("good"), "\n")
  io.write("bad ", threads[1]:get("bad"), "\n")
end
