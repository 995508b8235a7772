-- Cancel a task and its sub-tasks. ARGV: 3 id
return answer(cancel(ARGV[3]))
