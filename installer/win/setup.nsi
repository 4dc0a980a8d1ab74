; The installer of HD-MEA Studio for one user of Windows 10 or newer, 64 bit. package.py calls makensis with
;   VERSION   as in hdmea/_version.py          NUMBERS   the same as four numbers
;   PAYLOAD   the one-folder program           REMOVALS  generated: removes its top-level files and folders
;   SIZE_KB   its size                         ICON, OUT
;   COMP      zlib (fast) or lzma (small)      TARGET    kind of the installer itself, where not the default
; Exit codes: 0 done, 1 cancelled, 2 failed, 3 this Windows does not do, 4 the program is running.
; Silent: setup.exe /S [/DESKTOP] [/D=C:\folder]   (/D last, without quotation marks)
Unicode true
!ifdef TARGET
  Target ${TARGET}
!endif
!if "${COMP}" == "lzma"
  SetCompressor /SOLID lzma
  SetCompressorDictSize 64
!else
  SetCompressor zlib
!endif
SetDatablockOptimize on
CRCCheck on
ManifestDPIAware true
ManifestSupportedOS Win10
RequestExecutionLevel user

!define APP "HD-MEA Studio"
!define EXE "hdmea-studio.exe"
!define PROGID "HDMEAStudio"
!define KEY "Software\hdmea-studio"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\hdmea-studio"

Name "${APP} ${VERSION}"
OutFile "${OUT}"
BrandingText "${APP} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${APP}"
InstallDirRegKey HKCU "${KEY}" "InstallDir"

!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "MUI2.nsh"
!include "WinVer.nsh"
!include "x64.nsh"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_SMALLDESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\${EXE}"
!define MUI_FINISHPAGE_NOAUTOCLOSE
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "${APP}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${APP} setup"
VIAddVersionKey "LegalCopyright" "MIT licence"

; A program that runs holds its file: it cannot be opened for writing.
!macro NoteIfRunning FILE
  ${If} ${FileExists} "$INSTDIR\${FILE}"
    ClearErrors
    FileOpen $0 "$INSTDIR\${FILE}" a
    ${If} ${Errors}
      StrCpy $1 "${FILE}"
    ${Else}
      FileClose $0
    ${EndIf}
  ${EndIf}
!macroend

!macro WaitUntilClosed UN
Function ${UN}WaitUntilClosed
  StrCpy $2 0
  look:
  StrCpy $1 ""
  !insertmacro NoteIfRunning "hdmea-studio.exe"
  !insertmacro NoteIfRunning "hdmea-studio-console.exe"
  !insertmacro NoteIfRunning "hdmea.exe"
  ${If} $1 == ""
    Return
  ${EndIf}
  ${If} $2 < 6
    IntOp $2 $2 + 1
    Sleep 500
    Goto look
  ${EndIf}
  DetailPrint "$1 is running."
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${APP} is running ($1).$\n$\nSave your work and close it, then \
choose Retry." /SD IDCANCEL IDRETRY look
  SetErrorLevel 4
  Quit
FunctionEnd
!macroend
!insertmacro WaitUntilClosed ""
!insertmacro WaitUntilClosed "un."

!macro TellExplorer
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
!macroend

; What the program can open: named in "Open with"; the default only where no other program has it.
!macro CanOpen EXT TITLE
  WriteRegStr HKCU "Software\Classes\${PROGID}.${EXT}" "" "${TITLE}"
  WriteRegStr HKCU "Software\Classes\${PROGID}.${EXT}\DefaultIcon" "" "$INSTDIR\${EXE},0"
  WriteRegStr HKCU "Software\Classes\${PROGID}.${EXT}\shell\open" "FriendlyAppName" "${APP}"
  WriteRegStr HKCU "Software\Classes\${PROGID}.${EXT}\shell\open\command" "" '"$INSTDIR\${EXE}" "%1"'
  WriteRegStr HKCU "Software\Classes\.${EXT}\OpenWithProgids" "${PROGID}.${EXT}" ""
!macroend

!macro OpensByDefault EXT
  ReadRegStr $0 HKCU "Software\Classes\.${EXT}" ""
  ${If} $0 == ""
    ReadRegStr $0 HKCR ".${EXT}" ""
  ${EndIf}
  ${If} $0 == ""
    WriteRegStr HKCU "Software\Classes\.${EXT}" "" "${PROGID}.${EXT}"
  ${EndIf}
!macroend

!macro OpensNoMore EXT
  DeleteRegKey HKCU "Software\Classes\${PROGID}.${EXT}"
  DeleteRegValue HKCU "Software\Classes\.${EXT}\OpenWithProgids" "${PROGID}.${EXT}"
  ReadRegStr $0 HKCU "Software\Classes\.${EXT}" ""
  ${If} $0 == "${PROGID}.${EXT}"
    DeleteRegValue HKCU "Software\Classes\.${EXT}" ""
  ${EndIf}
  DeleteRegKey /ifempty HKCU "Software\Classes\.${EXT}\OpenWithProgids"
  DeleteRegKey /ifempty HKCU "Software\Classes\.${EXT}"
!macroend

!macro RemoveProgram
  !include "${REMOVALS}"
  ; Whatever an older or newer version had put there.
  RMDir /r "$INSTDIR\_internal"
!macroend

Section "${APP}" Program
  SectionIn RO
  Call WaitUntilClosed
  !insertmacro RemoveProgram
  SetOutPath "$INSTDIR"
  ClearErrors
  File /r "${PAYLOAD}\*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  ${If} ${Errors}
    DetailPrint "Not every file could be written to $INSTDIR."
    MessageBox MB_ICONSTOP "Not every file could be written to$\n$INSTDIR.$\n$\nIs the disk full, or the folder \
protected? The program is not complete: start the setup again when that is mended." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}

  CreateShortCut "$SMPROGRAMS\${APP}.lnk" "$INSTDIR\${EXE}" "" "$INSTDIR\${EXE}" 0 SW_SHOWNORMAL "" \
    "Recordings of the retina, from raw files to results"
  !insertmacro CanOpen "cmcr" "Raw recording (CMOS-MEA)"
  !insertmacro CanOpen "cmtr" "Spike-sorted recording (CMOS-MEA)"
  !insertmacro CanOpen "h5" "Result of HD-MEA Studio"

  WriteRegStr HKCU "${KEY}" "InstallDir" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${APP}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${EXE}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "The HD-MEA Studio developers"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
SectionEnd

Section "Open .cmcr and .cmtr files with it" Defaults
  !insertmacro OpensByDefault "cmcr"
  !insertmacro OpensByDefault "cmtr"
SectionEnd

Section /o "Shortcut on the desktop" Desktop
  CreateShortCut "$DESKTOP\${APP}.lnk" "$INSTDIR\${EXE}"
SectionEnd

Section "-Tell the Explorer"
  !insertmacro TellExplorer
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${Program} "The program, with a shortcut in the start menu."
  !insertmacro MUI_DESCRIPTION_TEXT ${Defaults} "A double click on a recording opens it, unless another program \
already opens such files."
  !insertmacro MUI_DESCRIPTION_TEXT ${Desktop} "A second shortcut, on the desktop."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Function .onInit
  ${IfNot} ${RunningX64}
  ${OrIfNot} ${AtLeastWin10}
    MessageBox MB_ICONSTOP "${APP} needs Windows 10 or newer, 64 bit." /SD IDOK
    SetErrorLevel 3
    Quit
  ${EndIf}
  ; A desktop shortcut that is there is kept by an upgrade.
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/DESKTOP" $R1
  ${IfNot} ${Errors}
  ${OrIf} ${FileExists} "$DESKTOP\${APP}.lnk"
    SectionSetFlags ${Desktop} ${SF_SELECTED}
  ${EndIf}
FunctionEnd

Section "Uninstall"
  Call un.WaitUntilClosed
  !insertmacro OpensNoMore "cmcr"
  !insertmacro OpensNoMore "cmtr"
  !insertmacro OpensNoMore "h5"
  !insertmacro RemoveProgram
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${APP}.lnk"
  Delete "$DESKTOP\${APP}.lnk"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  DeleteRegKey HKCU "${KEY}"
  !insertmacro TellExplorer
SectionEnd
