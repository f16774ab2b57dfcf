{{- define "swell.labels" -}}
app.kubernetes.io/name: swell
app.kubernetes.io/part-of: swell
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{- define "swell.selector" -}}
app.kubernetes.io/name: swell
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "swell.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}
{{- end }}

{{- define "swell.url" -}}
{{ .Values.url | default (printf "http://%s.%s.svc:9470" .Values.name .Release.Namespace) }}
{{- end }}

{{- define "swell.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
fsGroup: 65534
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "swell.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "swell.pod" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "swell.podSecurity" . | nindent 2 }}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.priorityClass.create }}
priorityClassName: {{ .root.Values.name }}
{{- end }}
{{- end }}

{{- define "swell.collectorEnv" -}}
- name: SWELL_COLLECT__KUBERNETES__NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: SWELL_COLLECT__KUBERNETES__HOST_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
- name: SWELL_COLLECT__KUBERNETES__POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: SWELL_COLLECT__KUBERNETES__NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end }}

{{- define "swell.collectorProbes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: http}
  initialDelaySeconds: 10
  periodSeconds: 15
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{- define "swell.tokenVolume" -}}
- name: token
  secret:
    secretName: {{ .Values.token.secret }}
    defaultMode: 0440
    items: [{key: {{ .Values.token.key }}, path: token}]
{{- end }}
