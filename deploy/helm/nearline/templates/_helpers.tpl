{{- define "nearline.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* Name, namespace and labels: (list $ NAME COMPONENT); without a component, ones of the whole. */}}
{{- define "nearline.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels: {{- include "nearline.labels" (index . 2) | nindent 2 }}
{{- end }}

{{- define "nearline.labels" -}}
app.kubernetes.io/name: nearline
{{- if . }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- /* What is the same in every pod: (list $ COMPONENT). */}}
{{- define "nearline.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: nearline
automountServiceAccountToken: false
terminationGracePeriodSeconds: 60
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "nearline.labels" (index . 1) | nindent 8 }}
{{- end }}

{{- define "nearline.container" -}}
image: {{ include "nearline.image" . }}
envFrom:
  - configMapRef: {name: nearline}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "nearline.probes" -}}
startupProbe: # the first start may compile kernels
  httpGet: {path: /livez, port: http}
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  failureThreshold: 3
readinessProbe: # ready only when all that is needed is restored
  httpGet: {path: {{ . | quote }}, port: http}
  periodSeconds: 5
{{- end }}

{{- /* Password and certificate of a Kafka user: its name. */}}
{{- define "nearline.kafka-user" -}}
- {name: NEARLINE_KAFKA__SASL_USERNAME, value: {{ . }}}
- name: NEARLINE_KAFKA__SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . }}, key: password}}
{{- end }}

{{- define "nearline.mounts" -}}
{{- if .Values.kafka.secured }}
- {name: ca, mountPath: /etc/nearline/ca, readOnly: true}
{{- end }}
- {name: state, mountPath: /var/lib/nearline}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "nearline.volumes" -}}
{{- if .Values.kafka.secured }}
- name: ca
  secret: {secretName: {{ .Values.kafka.caSecret }}}
{{- end }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 256Mi}
{{- end }}

{{- define "nearline.settings" -}}
NEARLINE_BROKERS: {{ .Values.brokers | quote }}
{{- if .Values.kafka.secured }}
NEARLINE_KAFKA__SECURITY_PROTOCOL: SASL_SSL
NEARLINE_KAFKA__SASL_MECHANISM: SCRAM-SHA-512
NEARLINE_KAFKA__SSL_CA_LOCATION: /etc/nearline/ca/ca.crt
{{- end }}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
