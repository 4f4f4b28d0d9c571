import { expect, test } from '@jest/globals'
import { openMetrics } from './metrics.js'

test('requests, bytes, storage errors and gauges are told in the words of Prometheus', async () => {
  const load = { requests: 3, uploads: 2 }
  const metrics = openMetrics({
    load,
    strays: { droppedLogins: 0, misdirected: 0 },
    droppedLogLines: () => 7,
  })
  const request = { route: 'blob', method: 'GET', status: 206, durationMs: 30, bytesIn: 0, bytesOut: 100 }
  metrics.countRequest(request)
  metrics.countRequest({ ...request, status: 404, bytesOut: 5 })
  metrics.countRequest({ ...request, bytesIn: 9 })
  metrics.countStorageError('ENOSPC')
  const text = await metrics.text()
  for (const line of [
    'registry_http_requests_total{route="blob",method="GET",status="2xx"} 2',
    'registry_http_requests_total{route="blob",method="GET",status="4xx"} 1',
    'registry_http_request_duration_seconds_count{route="blob",method="GET"} 3',
    'registry_http_request_duration_seconds_bucket{le="0.1",route="blob",method="GET"} 3',
    'registry_http_request_duration_seconds_bucket{le="0.025",route="blob",method="GET"} 0',
    'registry_http_sent_bytes_total 205',
    'registry_http_received_bytes_total 9',
    'registry_storage_errors_total{code="ENOSPC"} 1',
    'registry_http_active_requests 3',
    'registry_uploads_active 2',
    'registry_log_dropped_lines 7',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).toContain('process_resident_memory_bytes')
})

test('several of them live side by side', () => {
  const sources = {
    load: { requests: 0, uploads: 0 },
    strays: { droppedLogins: 0, misdirected: 0 },
    droppedLogLines: () => 0,
  }
  openMetrics(sources)
  expect(() => openMetrics(sources)).not.toThrow()
})
