// Loaded into the Node processes of the box: when their parent is gone without a word (kill -9), they drain and end too.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
